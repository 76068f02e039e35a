import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Load {
  readonly url: string;
  /** Asked for in turn. */
  readonly requests: readonly { readonly path: string; readonly token: string }[];
  readonly accept: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx, and requests that had none. */
  readonly errors: number;
}

/** The bare limit of a server: `wrk` (Debian's package), one thread, connections kept. */
export async function load({ url, requests, accept, connections, seconds }: Load): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-wrk-'));
  const script = join(directory, 'script.lua');
  const list = join(directory, 'requests');
  await writeFile(list, requests.map(({ path, token }) => `${path} ${token}`).join('\n'));
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

function lua(list: string, accept: string): string {
  return `
local requests, at = {}, 0
for line in io.lines(${JSON.stringify(list)}) do
  local path, token = line:match("^(%S+) (%S+)$")
  requests[#requests + 1] = { path, { Accept = ${JSON.stringify(accept)}, Authorization = "Bearer " .. token } }
end
request = function()
  at = at % #requests + 1
  return wrk.format("GET", requests[at][1], requests[at][2])
end
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("RESULT %f %f %d", summary.requests / summary.duration * 1e6, latency:percentile(99), errors))
end
`;
}
