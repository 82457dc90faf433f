-- POST requests that each make a concept: arguments are the path, the token's
-- header value, and a prefix that no other load of the run has. With a fourth, the
-- number of concepts that are there already, c0 and so on: PUT requests that each change
-- the next of them.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local path, headers, prefix, there
local count = 0

function init(args)
   path, prefix, there = args[1], args[3], tonumber(args[4])
   headers = { ["Authorization"] = args[2], ["Content-Type"] = "application/json" }
end

function request()
   count = count + 1
   local id = prefix .. count
   local body = string.format('{"id":"%s","concept_class":"Diagnosis","datatype":"N/A",'
                              .. '"names":[{"name":"Concept %s","locale":"en",'
                              .. '"locale_preferred":true,"name_type":"FULLY_SPECIFIED"}],'
                              .. '"descriptions":[{"description":"What %s means.",'
                              .. '"locale":"en"}]}', id, id, id)
   if there then
      return wrk.format("PUT", path .. "c" .. count % there .. "/", headers, body)
   end
   return wrk.format("POST", path, headers, body)
end
