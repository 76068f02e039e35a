import { readFile } from 'node:fs/promises';

const MIB_IN_KIB = 1024;

/** Returns the memory that a process uses now, and its peak: proc_pid_status(5). */
export async function memoryOf(pid: number): Promise<{ peakMiB: number; residentMiB: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / MIB_IN_KIB);
  return { peakMiB: mebibytes('VmHWM'), residentMiB: mebibytes('VmRSS') };
}
