import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';

/* Every temporary directory and every child process of the lab is listed here until it is gone. `releaseAll` removes what is left: when this process
 * exits for any reason except SIGKILL, and after each test file. The lists are global because they describe the whole process. */

const directories = new Set<string>();
/** Each child process, and whether it leads a process group of its own. */
const children = new Map<ChildProcess, boolean>();
let isExitWatched = false;

const PAUSE_MS = 20;
const REMOVAL_TRIES = 200;

export function noteDirectory(directory: string): void {
  releaseOnExit();
  directories.add(directory);
}

export function forgetDirectory(directory: string): void {
  directories.delete(directory);
}

/** Lists a child process until its streams are closed. If it leads a process group, `releaseAll` kills the whole group. */
export function noteChild(child: ChildProcess, isGroupLeader: boolean): void {
  releaseOnExit();
  children.set(child, isGroupLeader);
  const forget = (): void => void children.delete(child);
  child.once('close', forget).once('error', forget);
}

/**
 * Kills every listed process and removes every listed directory. It blocks until they are gone, so that it works in an exit handler, and so that no
 * other code of this process creates anything in the meantime.
 */
export function releaseAll(): void {
  const killed = [...children].flatMap(([child, isGroupLeader]) => kill(child, isGroupLeader));
  children.clear();
  while (killed.some(isRunning)) pause();
  for (const directory of directories) removeNow(directory);
  directories.clear();
}

export interface ExitOptions {
  /** The exit code. By default that of a shell: 128 plus the number of the signal. */
  readonly code?: number;
  /** Called before the process exits. */
  readonly before?: () => void;
}

/** Makes SIGHUP, SIGINT and SIGTERM exit this process, which releases everything. Without it, these signals skip the exit handlers of Node. */
export function exitOnSignals({ code, before }: ExitOptions = {}): void {
  // Not `once`: npm passes a signal on that the terminal has sent to this process, too, and the second one must not end the release.
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
    process.on(signal, () => {
      before?.();
      process.exit(code ?? 128 + number);
    });
}

function releaseOnExit(): void {
  if (isExitWatched) return;
  isExitWatched = true;
  process.once('exit', releaseAll);
}

/** Returns the id of the process, or nothing if it has ended. */
function kill({ pid }: ChildProcess, isGroupLeader: boolean): readonly number[] {
  if (pid === undefined) return [];
  try {
    process.kill(isGroupLeader ? -pid : pid, 'SIGKILL');
    return [pid];
  } catch {
    return [];
  }
}

/** A zombie has ended: only its parent has not read its exit code yet. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Removes a directory before it returns. It tries several times: file operations that Node has queued before still run, and may create a file in a
 * directory that is being removed.
 */
export function removeNow(directory: string): void {
  for (let tries = 0; existsSync(directory) && tries < REMOVAL_TRIES; tries++) {
    try {
      rmSync(directory, { recursive: true, force: true });
    } catch {
      // The next try follows.
    }
    pause();
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
