import { write, writeSync } from 'node:fs';

export interface LineWriter {
  /** Queues a line and returns at once. */
  write(line: string): void;
  /** Writes all queued lines before it returns; for the end of a process. */
  flush(): void;
}

/** If the reader is slow and this many characters are queued, further lines are dropped, so that memory stays bounded. */
const LONGEST_QUEUE = 16 * 1024 * 1024;
const FULL_PIPE_RETRY_MS = 50;
const FLUSH_ATTEMPTS = 20;

/**
 * Creates a writer of lines to a file descriptor. It keeps their order, has one write in progress at a time, and combines the lines that are queued
 * meanwhile into the next write. A slow reader does not block the process. Lines that cannot be written (disk full, pipe closed) are lost.
 */
export function createLineWriter(fd: number): LineWriter {
  let queued = '';
  let writing = Buffer.alloc(0);
  let retry: NodeJS.Timeout | undefined;

  function writeQueued(): void {
    writing = Buffer.from(queued);
    queued = '';
    continueWriting();
  }

  function continueWriting(): void {
    retry = undefined;
    write(fd, writing, (error, written) => {
      if (error?.code === 'EAGAIN') retry = setTimeout(continueWriting, FULL_PIPE_RETRY_MS).unref();
      else if (error === null && written < writing.length) {
        writing = writing.subarray(written);
        continueWriting();
      } else {
        writing = Buffer.alloc(0);
        if (queued !== '') writeQueued();
      }
    });
  }

  return {
    write(line) {
      if (queued.length + line.length > LONGEST_QUEUE) return;
      queued += line;
      if (writing.length === 0) writeQueued();
    },
    flush() {
      const isBeingWritten = writing.length > 0 && retry === undefined;
      if (isBeingWritten) pause(FULL_PIPE_RETRY_MS); // the write runs in a thread of its own, so blocking this one lets it finish
      writeNow(fd, Buffer.concat([isBeingWritten ? Buffer.alloc(0) : writing, Buffer.from(queued)]));
      queued = '';
    },
  };
}

function writeNow(fd: number, bytes: Buffer): void {
  let left = bytes;
  for (let attempt = 0; left.length > 0 && attempt < FLUSH_ATTEMPTS; attempt++) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      pause(FULL_PIPE_RETRY_MS);
    }
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
