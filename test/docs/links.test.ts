import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/documentation.ts';

/* Links between the Markdown files of this repository, written `[text](path#heading)`. */

const FILES = globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: ROOT }).sort();

/** Returns the text of a file without its fenced blocks. */
function proseOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8').replace(/^\s*```.*?^\s*```$/gms, '');
}

/** Returns the anchors of a file's headings, as GitHub and Forgejo derive them. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = [...proseOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Returns the targets of a file's links, without those that lead to another host. */
function targetsIn(file: string): readonly string[] {
  const links = [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

function isBroken(file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const linked = path === '' ? file : normalize(join(dirname(file), path));
  if (!existsSync(join(ROOT, linked))) return true;
  return anchor !== undefined && !anchorsOf(linked).has(anchor);
}

test.for(FILES)('%s links to files and headings that exist', (file) => {
  expect(targetsIn(file).filter((target) => isBroken(file, target))).toEqual([]);
});

test('finds links to check', () => {
  expect(FILES.flatMap(targetsIn).length).toBeGreaterThan(100);
});
