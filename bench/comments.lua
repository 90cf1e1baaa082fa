-- Comments for wrk, each another one; `share` of the requests are posts (1: all), the rest are what the address says.
-- At the end it prints how many were acknowledged: stored, by the status, and with the new comment in the answer.
local share, number, thread = 1, 0, 0
local threads = {}
answered, posted = 0, 0

function setup(each)
  thread = thread + 1
  each:set("id", thread)
  table.insert(threads, each)
end

function init(arguments)
  share = tonumber(arguments[1] or "1")
  body = "site=bench&name=Reader&email=reader%40readers.example&url=" .. arguments[2]
end

function request()
  number = number + 1
  if (number * share) % 1 >= share then return wrk.format("GET") end
  local words = "&body=I+was+there+that+night+and+the+bell+rang+twice+" .. id .. "+" .. number .. "+" .. os.time()
  local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
  return wrk.format("POST", "/embed/comments", headers, body .. words)
end

function response(status, headers, answer)
  local stored = status == 201 or status == 202
  if stored and answer:find("<p>I was there that night", 1, true) then posted = posted + 1 end
  answered = answered + 1
end

function done()
  local sum, all = 0, 0
  for _, each in ipairs(threads) do
    sum = sum + each:get("posted")
    all = all + each:get("answered")
  end
  io.write(string.format("acknowledged %d of %d\n", sum, all))
end
