import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BareRequest {
  /** GET by default. */
  readonly method?: 'GET' | 'HEAD';
  readonly path: string;
  readonly token: string;
  /** The tag of `If-None-Match`, without its quotes. */
  readonly ifNoneMatch?: string;
}

export interface Load {
  readonly url: string;
  /** Asked for in turn. */
  readonly requests: readonly BareRequest[];
  readonly accept: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Answers that were neither 2xx nor 3xx, and requests that had none. */
  readonly errors: number;
}

/** The bare limit of a server: `wrk` (Debian's package), one thread, connections kept. */
export async function load({ url, requests, accept, connections, seconds }: Load): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-wrk-'));
  const script = join(directory, 'script.lua');
  const list = join(directory, 'requests');
  await writeFile(list, requests.map(toLine).join('\n'));
  await writeFile(script, lua(list, accept));
  const parameters = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', script, url];
  const { stdout } = await run('wrk', parameters);
  await rm(directory, { recursive: true });
  const [, rate = '0', p99 = '0', errors = '0'] = /RESULT ([\d.]+) ([\d.]+) (\d+)/.exec(stdout) ?? [];
  return {
    requestsPerSecond: Math.round(Number(rate)),
    p99Ms: Math.round(Number(p99) / 10) / 100,
    errors: Number(errors),
  };
}

function toLine({ method = 'GET', path, token, ifNoneMatch = '-' }: BareRequest): string {
  return [method, path, token, ifNoneMatch].join(' ');
}

function lua(list: string, accept: string): string {
  return `
local requests, at = {}, 0
for line in io.lines(${JSON.stringify(list)}) do
  local method, path, token, tag = line:match("^(%S+) (%S+) (%S+) (%S+)$")
  local headers = { Accept = ${JSON.stringify(accept)}, Authorization = "Bearer " .. token }
  if tag ~= "-" then headers["If-None-Match"] = '"' .. tag .. '"' end
  requests[#requests + 1] = { method, path, headers }
end
request = function()
  at = at % #requests + 1
  return wrk.format(requests[at][1], requests[at][2], requests[at][3])
end
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("RESULT %f %f %d", summary.requests / summary.duration * 1e6, latency:percentile(99), errors))
end
`;
}
