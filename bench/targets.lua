-- GET requests drawn from a file, or with a second argument taken in their order:
-- a line is a path and its headers, between tabs. They are put together before the
-- load starts, so that every variant costs wrk the same.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local requests = {}
local at, is_in_order = 0, false

function init(args)
   is_in_order = args[2] ~= nil
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
   local i = math.random(#requests)
   if is_in_order then
      at = at % #requests + 1
      i = at
   end
   return requests[i]
end
