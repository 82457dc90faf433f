-- PATCH requests that each change the status of 25 learners in a course run: arguments are
-- the token's header value, the path, the number of batches, and the status to begin with.
-- Batches take turns; each round through them sets the other status, so that every record
-- changes.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local RECORDS = 25
local bodies, headers, path, batches = {}, nil, nil, 0
local count = 0

local function body(batch, status)
   local records = {}
   for i = 1, RECORDS do
      records[i] = string.format('{"student_key":"learner%d","status":"%s"}',
                                 batch * RECORDS + i, status)
   end
   return "[" .. table.concat(records, ",") .. "]"
end

function init(args)
   headers = { ["Authorization"] = args[1], ["Content-Type"] = "application/json" }
   path = args[2]
   batches = tonumber(args[3])
   local other = args[4] == "active" and "inactive" or "active"
   for turn, status in ipairs({ args[4], other }) do
      for batch = 0, batches - 1 do
         bodies[(turn - 1) * batches + batch] = wrk.format("PATCH", path, headers, body(batch, status))
      end
   end
end

function request()
   count = count + 1
   return bodies[(count - 1) % (2 * batches)]
end
