-- POST requests with a body: arguments are the path and the bytes of the body.
dofile(debug.getinfo(1).source:match("^@(.*/)") .. "result.lua")

local one

function init(args)
   one = wrk.format("POST", args[1], { ["Content-Type"] = "text/plain" },
                    string.rep("x", tonumber(args[2])))
end

function request()
   return one
end
