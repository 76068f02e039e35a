import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Load {
  readonly url: string;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
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
export async function load({ url, paths, headers, connections, seconds }: Load): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-wrk-'));
  const script = join(directory, 'script.lua');
  await writeFile(join(directory, 'paths'), paths.join('\n'));
  await writeFile(script, lua(join(directory, 'paths'), headers));
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

function lua(pathsFile: string, headers: Readonly<Record<string, string>>): string {
  const assignments = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  return `
${assignments.join('\n')}
local paths, at = {}, 0
for line in io.lines(${JSON.stringify(pathsFile)}) do paths[#paths + 1] = line end
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("RESULT %f %f %d", summary.requests / summary.duration * 1e6, latency:percentile(99), errors))
end
`;
}
