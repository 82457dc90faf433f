-- GET requests drawn from a file: a line is a path and its headers, between tabs.
-- They are put together before the load starts, so that every variant costs wrk
-- the same.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local requests = {}

function init(args)
   for line in io.lines(args[1]) do
      local path, headers = nil, {}
      for field in line:gmatch("[^\t]+") do
         local name, value = field:match("^([%w-]+): (.*)$")
         if path == nil then
            path = field
         else
            headers[name] = value
         end
      end
      requests[#requests + 1] = wrk.format("GET", path, headers)
   end
end

function request()
   return requests[math.random(#requests)]
end
