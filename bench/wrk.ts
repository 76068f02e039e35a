import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../lab/run.ts';
import { makeDirectory, removeDirectory } from '../lab/temporary.ts';

export interface BareRequest {
  /** GET by default. */
  readonly method?: 'GET' | 'HEAD';
  readonly path: string;
  readonly token: string;
  /** The value of `If-None-Match`, without its quotes. */
  readonly ifNoneMatch?: string;
  readonly acceptEncoding?: string;
}

export interface Load {
  readonly url: string;
  /** Sent in turn. */
  readonly requests: readonly BareRequest[];
  readonly accept: string;
  readonly connections: number;
  readonly seconds: number;
  /** The average pause of a connection before its next request, for a load that does not grow with the speed of the server. 0 by default. */
  readonly restMs?: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** How many responses had a status other than 2xx and 3xx, and how many requests got no response. */
  readonly errors: number;
}

/** Measures a server with `wrk`, which uses one thread and keeps its connections open. */
export async function load({ url, requests, accept, connections, seconds, restMs = 0 }: Load): Promise<LoadResult> {
  const directory = makeDirectory('wrk');
  const script = join(directory, 'script.lua');
  const list = join(directory, 'requests');
  await writeFile(list, requests.map(toLine).join('\n'));
  await writeFile(script, lua(list, accept, restMs));
  const parameters = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', script, url];
  const { stdout } = await run('wrk', parameters);
  await removeDirectory(directory);
  const [rate = 0, p50 = 0, p99 = 0, p999 = 0, errors = 0] = (/RESULT (.*)/.exec(stdout)?.[1] ?? '')
    .split(' ')
    .map(Number);
  const milliseconds = (microseconds: number): number => Math.round(microseconds / 10) / 100;
  return {
    requestsPerSecond: rate < 1000 ? Math.round(rate * 10) / 10 : Math.round(rate),
    p50Ms: milliseconds(p50),
    p99Ms: milliseconds(p99),
    p999Ms: milliseconds(p999),
    errors,
  };
}

function toLine({ method = 'GET', path, token, ifNoneMatch = '-', acceptEncoding = '-' }: BareRequest): string {
  return [method, path, token, ifNoneMatch, acceptEncoding].join(' ');
}

function lua(list: string, accept: string, restMs: number): string {
  return `
local requests, at = {}, 0
for line in io.lines(${JSON.stringify(list)}) do
  local method, path, token, tag, encoding = line:match("^(%S+) (%S+) (%S+) (%S+) (%S+)$")
  local headers = { Accept = ${JSON.stringify(accept)}, Authorization = "Bearer " .. token }
  if tag ~= "-" then headers["If-None-Match"] = '"' .. tag .. '"' end
  if encoding ~= "-" then headers["Accept-Encoding"] = encoding end
  requests[#requests + 1] = { method, path, headers }
end
request = function()
  at = at % #requests + 1
  return wrk.format(requests[at][1], requests[at][2], requests[at][3])
end
${restMs > 0 ? `delay = function() return math.random(0, ${Math.round(2 * restMs)}) end` : ''}
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("RESULT %f %f %f %f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), errors))
end
`;
}
