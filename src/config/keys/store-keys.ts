import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { duration, hasControls } from '../readers/readers.ts';

const FOR_NOW = 'sqlite is what there is for now';

/** The path of an SQLite file, or `:memory:`. What stands in it is taken literally. */
const storeUrl: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  if (hasControls(text)) return { wrong: 'holds a line break or a control character' };
  if (/^postgres(?:ql)?:/i.test(text)) return { wrong: `is the URL of a PostgreSQL database, and ${FOR_NOW}` };
  if (!/^sqlite:/i.test(text)) return { wrong: `does not begin with sqlite:, and ${FOR_NOW}` };
  const path = text.slice('sqlite:'.length);
  if (path === ':memory:') return { value: path };
  if (/^\/\/(?!\/)/.test(path)) return { wrong: 'names a host; an absolute path has three slashes before it' };
  if (/^file:/i.test(path)) return { wrong: 'names a URL where a path is expected' };
  if (/[?#]/.test(path)) return { wrong: 'holds a query or a fragment' };
  if (path === '' || path.endsWith('/')) return { wrong: 'names no file' };
  return { value: path.replace(/^\/\/\//, '/') };
};

export const STORE_KEYS = {
  url: key({
    about:
      'Where to keep what was read of the registry, from start to start: an SQLite file, which one service at a time can have. It and the directories above it are made where there are none. `sqlite:data/usage.db` is relative to the directory that the service is started in; with `sqlite::memory:` every start reads everything anew.',
    right: 'sqlite:///path/to/file, sqlite:relative/path or sqlite::memory:',
    read: storeUrl,
    fallback: 'sqlite:///var/lib/gitlab-registry-usage-rest/usage.db',
    isNew: true,
  }),
  retention_all: key({
    about:
      'How long every snapshot of a collection is kept. Of the snapshots that registry notifications bring between two collections only the last one of every hour (UTC) is. For how old a snapshot is, no more than a day counts between it and the next one: so a wrong clock costs no more than a day.',
    right: 'a duration of at least 1 second, such as 7 days',
    read: duration(LONGEST_SECONDS),
    fallback: '7 days',
    isNew: true,
  }),
  retention_daily: key({
    about: 'How long the last snapshot of every day (UTC) is kept. The very last one always is.',
    right: 'a duration of at least 1 second, such as 365 days',
    read: duration(LONGEST_SECONDS),
    fallback: '365 days',
    isNew: true,
  }),
};
