#!/usr/bin/env -S node --max-semi-space-size=8 --no-allocation-site-pretenuring
// Starts dist/main.js of an installed package, or prints an error if this Node is too old.
//
// This file must also run on old versions of Node. So it is plain JavaScript without a static `import`, and its first line has only options that they
// know: Node 18 exits with "bad option" at `--disable-warning`, before it reads this file. src/main.ts explains the options.
const FIRST_MAJOR = 22;
const FIRST_MINOR = 19;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > FIRST_MAJOR || (major === FIRST_MAJOR && minor >= FIRST_MINOR)) {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    // Node 22 prints an ExperimentalWarning for SQLite at each start.
    if (warning.name !== 'ExperimentalWarning') for (const print of printers) print(warning);
  });
  void import('../dist/main.js');
} else {
  process.stderr.write(
    `gitlab-registry-usage-rest: Node ${FIRST_MAJOR}.${FIRST_MINOR} or later is required, but ${process.execPath} is version ${process.versions.node}\n`,
  );
  process.exitCode = 1;
}
