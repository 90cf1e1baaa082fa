-- Posts for Isso, each unique.
local number, thread = 0, 0

function setup(each)
  thread = thread + 1
  each:set("id", thread)
end

function request()
  number = number + 1
  local text = "I was there that night, and the bell rang twice, " .. id .. " " .. number .. " " .. os.time()
  local body = '{"author":"Reader","email":"reader@readers.example","website":null,"title":"Story","text":"' .. text .. '"}'
  return wrk.format("POST", "/new?uri=%2Fstory%2F0", {["Content-Type"] = "application/json"}, body)
end
