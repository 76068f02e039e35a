/* Writes the files that are derived from the sources and checked in. `npm run generate` runs it; tests fail if a file is out of date. */

import { writeFileSync } from 'node:fs';
import { generatedFiles } from './generated-files.ts';

const ROOT = new URL('../', import.meta.url);
for (const [file, text] of generatedFiles()) writeFileSync(new URL(file, ROOT), text);
