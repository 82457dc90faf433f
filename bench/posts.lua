-- POST requests that each make a concept: arguments are the path, the token's
-- header value, and a prefix that no other load of the run has.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local path, headers, prefix
local count = 0

function init(args)
   path, prefix = args[1], args[3]
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
   return wrk.format("POST", path, headers, body)
end
