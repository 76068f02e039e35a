import { write, writeSync } from 'node:fs';

export interface LineWriter {
  write(line: string): void;
  /** Writes what waits before it returns: for the end of a process. */
  flush(): void;
}

/** Of text that waits for whoever reads it: what comes on top is lost, and the memory is not. */
const MOST_WAITING_LENGTH = 16 * 1024 * 1024;
const FULL_PIPE_MS = 50;
const LAST_WRITES = 20;

/**
 * Writes lines in their order, one write at a time: those that come meanwhile go out together with the next. Whoever reads them slowly keeps nobody
 * waiting for anything else. What cannot be written, on a full disk or into a closed pipe, is lost.
 */
export function createLineWriter(fd: number): LineWriter {
  let waiting = '';
  let underWay = Buffer.alloc(0);
  let retry: NodeJS.Timeout | undefined;

  function begin(): void {
    underWay = Buffer.from(waiting);
    waiting = '';
    proceed();
  }

  function proceed(): void {
    retry = undefined;
    write(fd, underWay, (error, written) => {
      if (error?.code === 'EAGAIN') retry = setTimeout(proceed, FULL_PIPE_MS).unref();
      else if (error === null && written < underWay.length) {
        underWay = underWay.subarray(written);
        proceed();
      } else {
        underWay = Buffer.alloc(0);
        if (waiting !== '') begin();
      }
    });
  }

  return {
    write(line) {
      if (waiting.length + line.length > MOST_WAITING_LENGTH) return;
      waiting += line;
      if (underWay.length === 0) begin();
    },
    flush() {
      const isBeingWritten = underWay.length > 0 && retry === undefined;
      if (isBeingWritten) pause(FULL_PIPE_MS); // by another thread, that needs nothing of ours for it
      writeNow(fd, Buffer.concat([isBeingWritten ? Buffer.alloc(0) : underWay, Buffer.from(waiting)]));
      waiting = '';
    },
  };
}

function writeNow(fd: number, bytes: Buffer): void {
  let left = bytes;
  for (let attempt = 0; left.length > 0 && attempt < LAST_WRITES; attempt++) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      pause(FULL_PIPE_MS);
    }
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
