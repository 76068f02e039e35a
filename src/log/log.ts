import { type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';
import { createLineWriter } from './line-writer.ts';

export type { Logger } from 'pino';

/** Where a log goes, and how. */
export interface LogOptions {
  readonly level: string;
  /** On a terminal lines are for eyes; elsewhere each is one JSON object. */
  readonly isTerminal: boolean;
  /** No colours, as the NO_COLOR convention asks. */
  readonly noColor: boolean;
}

const STDERR = 2;

/** One line per event, on stderr. `flush` writes the last ones, for the end of the process. */
export function createLog({ level, isTerminal, noColor }: LogOptions): { log: Logger; flush: () => void } {
  const options: LoggerOptions = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!isTerminal) {
    const lines = createLineWriter(STDERR);
    return { log: pino(options, lines), flush: lines.flush };
  }
  const destination = pino.destination({ fd: STDERR, sync: true });
  destination.on('error', () => undefined);
  const stream = pretty({ destination, colorize: !noColor, translateTime: 'SYS:HH:MM:ss', singleLine: true });
  return { log: pino(options, stream), flush: () => undefined };
}
