-- Posts for Isso, each unique; `text`: "short" of 60 characters, or "en" of 300 by a new reader each, as in comments.lua.
local number, thread, long = 0, 0, false

function setup(each)
  thread = thread + 1
  each:set("id", thread)
end

function init(arguments)
  long = arguments[1] == "en"
end

function request()
  number = number + 1
  local mark, reader = id .. " " .. number .. " " .. os.time(), "Reader"
  local text = "I was there that night, and the bell rang twice, " .. mark
  if long then
    reader = "Reader " .. id .. " " .. number
    text = mark .. " " .. string.rep("I was there that night and the bell rang twice before the ferry left. ", 4) .. "Nobody said"
  end
  local email = reader:gsub(" ", "."):lower() .. "@readers.example"
  local body = '{"author":"' .. reader .. '","email":"' .. email .. '","website":null,"title":"Story","text":"' .. text .. '"}'
  return wrk.format("POST", "/new?uri=%2Fstory%2F0", {["Content-Type"] = "application/json"}, body)
end
