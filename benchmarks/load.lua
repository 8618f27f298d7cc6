-- wrk: send the template in BODY over and over, filled so that each request is what MODE says.
--   seen    a patient nobody asked about before, and always the same report
--   unread  the same, and a report nobody read before
--   mix     nineteen requests of OTHER (an irrelevant order), then one `unread`
-- Identifiers count up from SEED, so that no two cells of a run share one.
local mode = os.getenv("MODE")
local seed = tonumber(os.getenv("SEED"))
local ID, TEXT = "000000000000", "OTk5OTk5OTk5OTk5"
local headers = { ["Content-Type"] = "application/json" }
local tokens = nil  -- each opens one call; when all are used the run ends
if os.getenv("TOKENS") then
  tokens = {}
  for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = "Bearer " .. line end
end
if os.getenv("HEALTHCHAIN") then headers["Accept"] = "application/json" end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(digits)
  local out = {}
  for start = 1, #digits, 3 do
    local a, b, c = digits:byte(start, start + 2)
    local bits = a * 65536 + b * 256 + c
    for shift = 3, 0, -1 do
      local index = math.floor(bits / 64 ^ shift) % 64
      out[#out + 1] = alphabet:sub(index + 1, index + 1)
    end
  end
  return table.concat(out)
end

-- A template as a list of pieces; `ids` and `texts` are the places to fill.
local function template(path)
  local file = assert(io.open(path, "rb"))
  local whole = file:read("*a")
  file:close()
  local pieces, ids, texts, at = {}, {}, {}, 1
  while true do
    local id, text = whole:find(ID, at, true), whole:find(TEXT, at, true)
    local first = math.min(id or math.huge, text or math.huge)
    if first == math.huge then break end
    pieces[#pieces + 1] = whole:sub(at, first - 1)
    pieces[#pieces + 1] = first == id and ID or TEXT
    local places = first == id and ids or texts
    places[#places + 1] = #pieces
    at = first + #pieces[#pieces]
  end
  pieces[#pieces + 1] = whole:sub(at)
  return { pieces = pieces, ids = ids, texts = texts }
end

local relevant, other = template(os.getenv("BODY")), template(os.getenv("OTHER"))
local count = 0

function request()
  count = count + 1
  if tokens then
    headers["Authorization"] = tokens[count]
    if count >= #tokens then wrk.thread:stop() end
  end
  local number = string.format("%012d", seed + count)
  local made = relevant
  if mode == "mix" and count % 20 ~= 0 then made = other end
  for _, place in ipairs(made.ids) do made.pieces[place] = number end
  if mode ~= "seen" then
    for _, place in ipairs(made.texts) do made.pieces[place] = base64(number) end
  end
  return wrk.format("POST", nil, headers, table.concat(made.pieces))
end

cards, silences, failures = 0, 0, 0
function response(status, _, body)
  if status ~= 200 then failures = failures + 1
  elseif body:find('"summary"', 1, true) then cards = cards + 1
  else silences = silences + 1 end
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary, latency)
  local sums = { cards = 0, silences = 0, failures = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  io.write(string.format(
    'RESULT {"requests": %d, "micros": %d, "cards": %d, "silences": %d, "failures": %d, "errors": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration, sums.cards, sums.silences, sums.failures,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
