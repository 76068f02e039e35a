import { type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';
import { createLineWriter } from './line-writer.ts';

export type { Logger } from 'pino';

/** The form of the log. */
export interface LogOptions {
  readonly level: string;
  /** On a terminal the lines are readable text; otherwise each line is one JSON object. */
  readonly isTerminal: boolean;
  /** Follows the NO_COLOR convention. */
  readonly noColor: boolean;
}

const STDERR = 2;

/** Creates a log that writes one line per event to stderr. `flush` writes buffered lines before the process ends. */
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
