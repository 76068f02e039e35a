#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=8 --no-allocation-site-pretenuring
// The flags: a small young generation saves 100 MiB at 100,000 tags and costs no time. Without allocation-site pretenuring, V8 cannot mistake the objects
// of a request for long-lived ones, which halved the requests per second in some starts (bench/RESULTS.md).
import { readFileSync } from 'node:fs';
import { run } from './cli/run.ts';

// If the reader of stdout has gone or its disk is full, the exit code reports it. Errors on stderr can be reported nowhere.
process.stdout.on('error', () => process.exit(1));
process.stderr.on('error', () => undefined);

await run(process.argv.slice(2), {
  env: process.env,
  version: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
  isTerminal: process.stderr.isTTY === true,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  onSignal: (signal, listener) => process.on(signal, listener),
  onExit: (listener) => process.on('exit', listener),
  exit: (code) => process.exit(code),
});
