-- Send prepared requests with wrk, count the statuses, and keep the ids of what was created.
--
-- Arguments: FILE (whole HTTP requests, with the byte 1 between them), then `cycle` to send them
-- again and again or `once` to stop after the last one, then a code that every answer must have in
-- its body, or nothing. One thread only: the script keeps one count.

local requests, position, is_once, code = {}, 0, false, nil
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("[^\1]+") do
    requests[#requests + 1] = request
  end
  file:close()
  is_once = args[2] == "once"
  if args[3] and args[3] ~= "" then
    code = '"code":%s*"' .. args[3] .. '"'
  end
  statuses, created, exhausted, sent, refused = {}, {}, 0, 0, ""
end

function request()
  position = position + 1
  if position > #requests then
    position = 1
    if is_once then
      exhausted = 1
      wrk.thread:stop()
    end
  end
  sent = sent + 1
  return requests[position]
end

function response(status, headers, body)
  if code and not body:find(code) then
    status, refused = 0, body:sub(1, 300)
  end
  statuses[status] = (statuses[status] or 0) + 1
  if status == 201 then
    created[#created + 1] = tonumber(body:match('"id":(%d+)'))
  elseif status >= 400 and refused == "" then
    refused = body:sub(1, 300)
  end
end

function done(summary, latency, _)
  local thread, counts = threads[1], {}
  for status, count in pairs(thread:get("statuses")) do
    counts[#counts + 1] = string.format('"%d": %d', status, count)
  end
  local errors = summary.errors
  print("FIGURES " .. string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "max": %.3f, ' ..
    '"socket_errors": %d, "sent": %d, "exhausted": %d, "statuses": {%s}, "created": [%s]}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout, thread:get("sent"),
    thread:get("exhausted"), table.concat(counts, ", "),
    table.concat(thread:get("created"), ", ")))
  print("REFUSED " .. thread:get("refused"):gsub("\n", " "))
end
