-- One line for the driver at the end of a load: answers, microseconds, median and
-- 99th percentile of the latency, refusals, broken connections.
function done(summary, latency)
   local e = summary.errors
   print(string.format("RESULT %d %d %d %d %d %d", summary.requests, summary.duration,
                       latency:percentile(50), latency:percentile(99), e.status,
                       e.connect + e.read + e.write + e.timeout))
end
