#!/usr/bin/env -S node --max-semi-space-size=8 --no-allocation-site-pretenuring
// What an installed package is started by: dist/main.js, on a Node that is new enough for it.
//
// This file is for old ones too. So it is JavaScript as it stands, without an `import` at its head, and its first line has only flags that they know:
// Node 18 ends at `--disable-warning` with "bad option", before it has read a line of us. src/main.ts says what the flags are for.
const FIRST_MAJOR = 22;
const FIRST_MINOR = 19;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > FIRST_MAJOR || (major === FIRST_MAJOR && minor >= FIRST_MINOR)) {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    // Node 22 has one for SQLite, at every start.
    if (warning.name !== 'ExperimentalWarning') for (const print of printers) print(warning);
  });
  void import('../dist/main.js');
} else {
  process.stderr.write(
    `gitlab-registry-usage-rest: Node ${FIRST_MAJOR}.${FIRST_MINOR} or later is needed, and ${process.execPath} is ${process.versions.node}\n`,
  );
  process.exitCode = 1;
}
