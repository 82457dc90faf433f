-- POST requests that each enrol 25 new learners: arguments are the token's header
-- value, a prefix that no other load of the run has, and the paths, which take turns.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local RECORDS = 25
local paths, headers, prefix = {}, nil, nil
local count = 0

function init(args)
   headers = { ["Authorization"] = args[1], ["Content-Type"] = "application/json" }
   prefix = args[2]
   for i = 3, #args do
      paths[#paths + 1] = args[i]
   end
end

function request()
   count = count + 1
   local records = {}
   for i = 1, RECORDS do
      records[i] = string.format('{"external_user_key":"%s-%d-%d","status":"enrolled",'
                                 .. '"curriculum_uuid":"0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"}',
                                 prefix, count, i)
   end
   return wrk.format("POST", paths[count % #paths + 1], headers,
                     "[" .. table.concat(records, ",") .. "]")
end
