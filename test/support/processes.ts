import { readdirSync, readFileSync } from 'node:fs';

export interface Running {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

/** Returns the processes whose temporary directory (`TMPDIR`) is this directory or one below it: proc_pid_environ(5). */
export function processesUsing(directory: string): readonly Running[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const variables = read(`/proc/${name}/environ`).split('\0');
    const isUsing = variables.some((text) => text === `TMPDIR=${directory}` || text.startsWith(`TMPDIR=${directory}/`));
    if (!isUsing) return [];
    const parentPid = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1]);
    return [{ pid: Number(name), parentPid, command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim() }];
  });
}

/** Kills the process, unless it has ended. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Returns '' if the process has ended in the meantime. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
