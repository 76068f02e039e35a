import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { duration, hasControls } from '../readers/readers.ts';

const FOR_NOW = 'only sqlite is supported';

/** Reads the path of an SQLite file, literally, or `:memory:`. */
const storeUrl: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  if (hasControls(text)) return { wrong: 'contains a line break or a control character' };
  if (/^postgres(?:ql)?:/i.test(text)) return { wrong: `is the URL of a PostgreSQL database, and ${FOR_NOW}` };
  if (!/^sqlite:/i.test(text)) return { wrong: `does not begin with sqlite:, and ${FOR_NOW}` };
  const path = text.slice('sqlite:'.length);
  if (path === ':memory:') return { value: path };
  if (/^\/\/(?!\/)/.test(path)) return { wrong: 'contains a host; write an absolute path with three slashes' };
  if (/^file:/i.test(path)) return { wrong: 'contains a URL instead of a path' };
  if (/[?#]/.test(path)) return { wrong: 'contains a query or a fragment' };
  if (path === '' || path.endsWith('/')) return { wrong: 'contains no file name' };
  return { value: path.replace(/^\/\/\//, '/') };
};

export const STORE_KEYS = {
  url: key({
    about:
      'The SQLite file that keeps data between restarts. Only one service may use it at a time. The service creates the file and missing directories. `sqlite:data/usage.db` is relative to the working directory of the service; with `sqlite::memory:` every start reads the whole registry again.',
    right: 'sqlite:///path/to/file, sqlite:relative/path or sqlite::memory:',
    read: storeUrl,
    fallback: 'sqlite:///var/lib/gitlab-registry-usage-rest/usage.db',
    isNew: true,
  }),
  retention_all: key({
    about:
      'How long to keep every snapshot of a crawl. Of the snapshots that notifications cause between two crawls, only the last of each hour (UTC) is kept. When ages are computed, the time between two snapshots counts as one day at most, so that a wrong clock deletes no more than a day of history.',
    right: 'a duration of at least 1 second, such as 7 days',
    read: duration(LONGEST_SECONDS),
    fallback: '7 days',
    isNew: true,
  }),
  retention_daily: key({
    about: 'How long to keep the last snapshot of each day (UTC). The latest snapshot is always kept.',
    right: 'a duration of at least 1 second, such as 365 days',
    read: duration(LONGEST_SECONDS),
    fallback: '365 days',
    isNew: true,
  }),
};
