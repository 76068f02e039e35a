import { Client, EqualityFilter, OrFilter } from 'ldapts';
import { expect, test } from 'vitest';
import { startDirectory } from '../../lab/directory.ts';
import { normalizeUserName } from '../../src/domain/user-name.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Asks a real OpenLDAP for every character of the Basic Multilingual Plane whether it equals a letter or digit in a name. If it does, the name has
 * another spelling, and limits and revocations must apply to that spelling too. */

const CHARACTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
const MANY = 4096;

test('treats all characters as equal that the directory treats as equal to a letter or digit', async () => {
  const people = CHARACTERS.map((uid) => ({ uid, password: 'x', gidNumber: 10000 }));
  const directory = await startDirectory({ people });
  const client = new Client({ url: directory.ldapUrl });
  const found = async (spellings: readonly string[]): Promise<string[]> => {
    const filters = spellings.map((value) => new EqualityFilter({ attribute: 'uid', value }));
    const { searchEntries } = await client.search(directory.baseDn, {
      filter: new OrFilter({ filters }),
      attributes: ['uid'],
    });
    return searchEntries.map(({ uid }) => String(uid));
  };
  const strays: string[] = [];
  let count = 0;
  const look = async (spellings: readonly string[]): Promise<void> => {
    const names = await found(spellings);
    if (names.length === 0) return;
    const [only] = spellings;
    if (spellings.length > 1 || only === undefined) {
      await look(spellings.slice(0, spellings.length / 2));
      await look(spellings.slice(spellings.length / 2));
      return;
    }
    count += names.length;
    for (const name of names)
      if (normalizeUserName(only) !== normalizeUserName(name))
        strays.push(`${only} (U+${only.charCodeAt(0).toString(16)}) is ${name}`);
  };
  try {
    for (let from = 1; from < 0x1_0000; from += MANY) {
      const codes = Array.from({ length: Math.min(MANY, 0x1_0000 - from) }, (_, i) => from + i);
      const spellings = codes.filter((code) => code < 0xd800 || code > 0xdfff).map((code) => String.fromCharCode(code));
      if (spellings.length > 0) await look(spellings);
    }
  } finally {
    await client.unbind();
    await directory.remove();
  }
  expect(count).toBeGreaterThan(2 * 26 + 10);
  expect(strays).toEqual([]);
});
