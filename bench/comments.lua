-- Posts for wrk, each unique; `share` of the requests are posts (1: all), the others read the given address.
-- `text`: "short" by one reader, or of 300 characters in "en" or "ja", each by a new reader from a new network.
-- At the end it prints the number of acknowledged posts: status 201 or 202, with the new comment in the answer.
local share, number, thread, text = 1, 0, 0, "short"
local long = {
  en = string.rep("I+was+there+that+night+and+the+bell+rang+twice+before+the+ferry+left.+", 4) .. "Nobody+said",
  -- 鐘の音を聞いた夜のことを、いまでも覚えています。
  ja = string.rep("%E9%90%98%E3%81%AE%E9%9F%B3%E3%82%92%E8%81%9E%E3%81%84%E3%81%9F%E5%A4%9C%E3%81%AE%E3%81%93%E3%81%A8" ..
    "%E3%82%92%E3%80%81%E3%81%84%E3%81%BE%E3%81%A7%E3%82%82%E8%A6%9A%E3%81%88%E3%81%A6%E3%81%84%E3%81%BE%E3%81%99%E3%80%82", 12),
}
local threads = {}
answered, posted = 0, 0

function setup(each)
  thread = thread + 1
  each:set("id", thread)
  table.insert(threads, each)
end

function init(arguments)
  share = tonumber(arguments[1] or "1")
  text = arguments[3] or "short"
  page = "site=bench&url=" .. arguments[2]
end

function request()
  number = number + 1
  if (number * share) % 1 >= share then return wrk.format("GET") end
  local mark = id .. "+" .. number .. "+" .. os.time()
  local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}
  local reader, body = "Reader", "I+was+there+that+night+and+the+bell+rang+twice+" .. mark
  if long[text] then
    reader, body = "Reader+" .. id .. "+" .. number, mark .. "+" .. long[text]
    -- A new network for each post.
    headers["X-Forwarded-For"] = string.format("%d.%d.%d.7", 20 + id, os.time() % 250, number % 250)
  end
  local who = "&name=" .. reader .. "&email=" .. reader:gsub("%+", ".") .. "%40readers.example"
  return wrk.format("POST", "/embed/comments", headers, page .. who .. "&body=" .. body)
end

function response(status, headers, answer)
  local stored = status == 201 or status == 202
  -- A held comment is not part of the answer.
  local shown = text ~= "short" or answer:find("<p>I was there that night", 1, true)
  if stored and shown then posted = posted + 1 end
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
