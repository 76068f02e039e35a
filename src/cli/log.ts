import { type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';

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

/** One line per event, on stderr, written before the call returns: the last words of a process are not lost. */
export function createLog({ level, isTerminal, noColor }: LogOptions): Logger {
  const options: LoggerOptions = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ fd: STDERR, sync: true });
  // A full disk or a closed pipe costs lines of the log, and not the service.
  destination.on('error', () => undefined);
  if (!isTerminal) return pino(options, destination);
  const stream = pretty({ destination, colorize: !noColor, translateTime: 'SYS:HH:MM:ss', singleLine: true });
  return pino(options, stream);
}
