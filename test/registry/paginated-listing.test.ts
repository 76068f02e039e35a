import { afterEach, describe, expect, test } from 'vitest';
import type { RepositoryName } from '../../src/domain/names.ts';
import { connect, found } from '../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

/* How the client finds the end of a list of repositories or tags, at registries that answer as public reports describe. */

const repository = 'group/app' as RepositoryName;
const { signal } = new AbortController();
const servers: StandIn[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function standIn(list: (query: URLSearchParams, path: string) => Answer): Promise<StandIn> {
  const server = await startStandIn((_, url) => (url.pathname === '/v2/' ? {} : list(url.searchParams, url.pathname)));
  servers.push(server);
  return server;
}

/** Returns names that are sorted as their numbers are. */
const numbered = (count: number, prefix = 'n'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(6, '0')}`);

const bodyOf = (path: string, names: readonly string[] | null) =>
  path.endsWith('/_catalog') ? { repositories: names } : { tags: names };

/** A registry that cuts every list at `n`, goes on after `last`, and sends no links: Nexus. */
const cutting = (names: readonly string[]) => (query: URLSearchParams, path: string) => {
  const last = query.get('last') ?? '';
  const rest = names.filter((name) => name > last);
  return { body: bodyOf(path, rest.slice(0, Number(query.get('n') ?? rest.length))) };
};

const requestsTo = (server: StandIn, path: string): string[] =>
  server.requests.flatMap(({ url }) => (url.split('?')[0] === path ? [url.split('?')[1] ?? ''] : []));
const TAGS = `/v2/${repository}/tags/list`;

/** Lists the tags: their names and, if the list is cut, `cut`. */
async function tagsOf(server: StandIn): Promise<readonly string[]> {
  const tags = await connect(server.url).tags(repository, signal);
  return tags.map((tag) => ('cut' in tag ? 'cut' : 'illegal' in tag ? tag.illegal : tag.name));
}

describe('after a full page without a link', () => {
  test.each([1500, 1999, 2000, 3001])('reads the rest of %i names with last', async (count) => {
    const server = await standIn(cutting(numbered(count)));
    expect(await tagsOf(server)).toEqual(numbered(count));
    expect(await found(connect(server.url))).toEqual(numbered(count));
  });

  test('finds nothing more after exactly a full page', async () => {
    const server = await standIn(cutting(numbered(1000)));
    expect(await tagsOf(server)).toEqual(numbered(1000));
    expect(requestsTo(server, TAGS)).toEqual(['n=1000', 'n=1000&last=n000999']);
  });

  test('reads an empty list after the last name, also as null', async () => {
    const server = await standIn((query, path) => ({ body: bodyOf(path, query.has('last') ? null : numbered(1000)) }));
    expect(await tagsOf(server)).toEqual(numbered(1000));
  });

  test.each([1000, 1145, 2500])('reads %i repositories without n if last is ignored, as crane does', async (count) => {
    const names = numbered(count);
    let asked = 0;
    const server = await standIn((query, path) => {
      // A Go map: each answer begins at another place.
      const start = (asked++ * 377) % count;
      const inAnyOrder = [...names.slice(start), ...names.slice(0, start)];
      return { body: bodyOf(path, inAnyOrder.slice(0, Number(query.get('n') ?? 10_000))) };
    });
    expect(await found(connect(server.url))).toEqual(names);
  });

  test.each([1000, 1500, 2000])(
    'reads %i tags where the list begins again after its end, as in crane',
    async (count) => {
      const names = numbered(count);
      const server = await standIn((query, path) => {
        const at = names.findIndex((name) => name > (query.get('last') ?? ''));
        return { body: bodyOf(path, names.slice(Math.max(0, at)).slice(0, Number(query.get('n') ?? count))) };
      });
      expect(await tagsOf(server)).toEqual(names);
    },
  );

  test('takes a list that is the same with every parameter as whole, as Distribution 2 returns it', async () => {
    const unsorted = numbered(1000).reverse();
    const server = await standIn((_, path) => ({ body: bodyOf(path, unsorted) }));
    expect(await tagsOf(server)).toEqual(unsorted);
  });

  test('reads a whole list that is longer than a page with one request', async () => {
    const server = await standIn((_, path) => ({ body: bodyOf(path, numbered(1500)) }));
    expect(await tagsOf(server)).toEqual(numbered(1500));
    expect(requestsTo(server, TAGS)).toEqual(['n=1000']);
  });

  test('asks once with last if a list with links ends with a full page, whatever the registry answers', async () => {
    const names = numbered(200);
    for (const more of [{ status: 400 }, { status: 403 }, { body: { tags: names.slice(0, 100) } }, { body: {} }]) {
      const server = await standIn((query) => {
        if (query.has('last')) return more;
        const from = Number(query.get('next_page') ?? 0);
        const headers = from === 0 ? { link: `<${TAGS}?n=100&next_page=100>; rel="next"` } : {};
        return { body: { tags: names.slice(from, from + 100) }, headers };
      });
      expect(await tagsOf(server)).toEqual(names);
      expect(requestsTo(server, TAGS)).toHaveLength(3);
    }
  });

  test('reads everything without n if the registry rejects last', async () => {
    for (const status of [400, 403, 404, 500]) {
      const server = await standIn((query, path) =>
        query.has('last')
          ? { status, body: { errors: [{ code: 'NOT_FOUND' }] } }
          : { body: bodyOf(path, numbered(1200).slice(0, Number(query.get('n') ?? 1200))) },
      );
      expect(await tagsOf(server)).toEqual(numbered(1200));
    }
  });

  test('follows the links of the list without n', async () => {
    const names = numbered(1200);
    const server = await standIn((query, path) => {
      if (query.has('last')) return { status: 404 };
      if (query.has('n') && !query.has('page')) return { body: bodyOf(path, names.slice(0, 1000)) };
      const from = Number(query.get('page') ?? 0) * 100;
      const link = `<?n=100&page=${from / 100 + 1}>; rel="next"`;
      const headers = from + 100 < names.length ? { link } : {};
      return { body: bodyOf(path, names.slice(from, from + 100)), headers };
    });
    expect(await tagsOf(server)).toEqual(names);
  });

  test('reports a cut list, with the names that it has, if nothing shows its end', async () => {
    const thousand = numbered(1000);
    const isHidden = (query: URLSearchParams): boolean => query.has('last');
    for (const rest of [{ status: 400 }, { status: 404 }, { status: 403 }, { status: 200, body: '<html>' }]) {
      const always = await standIn((query, path) => (isHidden(query) ? rest : { body: bodyOf(path, thousand) }));
      expect(await tagsOf(always)).toEqual([...thousand, 'cut']);
      const short = await standIn((query, path) =>
        isHidden(query) ? rest : { body: bodyOf(path, query.has('n') ? thousand : thousand.slice(0, 100)) },
      );
      expect(await tagsOf(short)).toEqual([...thousand, 'cut']);
      const onlyPages = await standIn((query, path) =>
        isHidden(query) || !query.has('n') ? rest : { body: bodyOf(path, thousand) },
      );
      expect(await tagsOf(onlyPages)).toEqual([...thousand, 'cut']);
    }
  });

  test('compares with the page size that the registry accepts', async () => {
    const names = numbered(260);
    const server = await standIn((query, path) =>
      Number(query.get('n')) > 125
        ? { status: 400, body: { errors: [{ code: 'PAGINATION_NUMBER_INVALID' }] } }
        : cutting(names)(query, path),
    );
    expect(await tagsOf(server)).toEqual(names);
    expect(requestsTo(server, TAGS)).toEqual([
      'n=1000',
      'n=500',
      'n=250',
      'n=125',
      'n=125&last=n000124',
      'n=125&last=n000249',
    ]);
  });
});

test('sends no further request after a page that is not full', async () => {
  const server = await standIn(cutting(numbered(999)));
  expect(await tagsOf(server)).toEqual(numbered(999));
  expect(requestsTo(server, TAGS)).toEqual(['n=1000']);
});

test.each(['next_page', 'nextToken', 'page', 'marker', 'last'])(
  'follows a link whose cursor is called %s',
  async (name) => {
    const names = numbered(250);
    const server = await standIn((query, path) => {
      const from = Number(query.get(name)?.slice(3) ?? 0);
      const link = `<https://elsewhere.example/other?n=100&${name}=at%3D${from + 100}&filter=a>; rel="next"`;
      if (from > 0 && query.get('filter') !== 'a') return { status: 400 };
      return { body: bodyOf(path, names.slice(from, from + 100)), headers: from + 100 < names.length ? { link } : {} };
    });
    expect(await found(connect(server.url))).toEqual(names);
    expect(await tagsOf(server)).toEqual(names);
  },
);

test('follows links through pages without any name', async () => {
  const server = await standIn((query, path) => {
    const page = Number(query.get('page') ?? 0);
    const headers = page < 150 ? { link: `<?page=${page + 1}>; rel="next"` } : {};
    return { body: bodyOf(path, page === 150 ? ['last'] : []), headers };
  });
  expect(await found(connect(server.url))).toEqual(['last']);
});

describe('keeps what it has read, and reports a cut list', () => {
  test('if a link leads back to its own page', async () => {
    const server = await standIn(() => ({ body: { tags: ['v1'] }, headers: { link: '</x?last=v1>; rel="next"' } }));
    expect(await tagsOf(server)).toEqual(['v1', 'cut']);
    expect(requestsTo(server, TAGS).length).toBeLessThan(10);
  });

  test('if two cursors alternate', async () => {
    const server = await standIn((query, path) => {
      const page = query.get('page') === 'a' ? 'b' : 'a';
      return { body: bodyOf(path, [page]), headers: { link: `<?page=${page}>; rel="next"` } };
    });
    expect(await tagsOf(server)).toEqual(['a', 'b', 'cut']);
    expect(await found(connect(server.url))).toEqual([{ cut: expect.any(String) }, 'a', 'b']);
  });

  test('if cursors never end and the names repeat', async () => {
    let asked = 0;
    const server = await standIn((_, path) => ({
      body: bodyOf(path, ['v1', 'v2']),
      headers: { link: `<?next_page=${++asked}>; rel="next"` },
    }));
    expect(await tagsOf(server)).toEqual(['v1', 'v2', 'cut']);
    expect(asked).toBeLessThan(1000);
  });

  test('if the registry loses the cursor of its links again and again', async () => {
    const server = await standIn((query) =>
      query.has('last')
        ? { status: 404, body: { errors: [{ code: 'NAME_UNKNOWN' }] } }
        : { body: { tags: ['v1'] }, headers: { link: '</x?last=v1>; rel="next"' } },
    );
    expect(await tagsOf(server)).toEqual(['v1', 'cut']);
    expect(requestsTo(server, TAGS)).toHaveLength(10);
  });
});

test('reads a list without n if the links of its pages form a circle', async () => {
  const names = numbered(20);
  const server = await standIn((query, path) =>
    query.has('n')
      ? { body: bodyOf(path, names.slice(0, 10)), headers: { link: '<?n=10>; rel="next"' } }
      : { body: bodyOf(path, names) },
  );
  expect(await tagsOf(server)).toEqual(names);
});

describe('a list of GitLab whose headers a proxy has removed', () => {
  const paths = numbered(250, 'group/app/').map((path, i) => ({ path, id: i + 1 }));

  test.each([
    ['by page', (query: URLSearchParams) => 100 * (Number(query.get('page') ?? 1) - 1)],
    ['by keyset', (query: URLSearchParams) => Number(query.get('id_after') ?? 0)],
  ])('is read to its end %s', async (way, fromOf) => {
    const isKeyset = way === 'by keyset';
    const server = await standIn((query, path) => {
      if (path === '/api/v4/projects') {
        const after = fromOf(query);
        return { body: isKeyset ? paths.slice(after, after + 100) : [] };
      }
      if (!isKeyset) return { body: paths.slice(fromOf(query), fromOf(query) + 100) };
      return { body: [{ path: `group/${path.split('/')[4]}` }] };
    });
    const client = connect(server.url, {
      gitlabUrl: `${server.url}/`,
      accessToken: 'secret',
      discovery: 'gitlab',
      groups: isKeyset ? [] : ['group'],
    });
    expect(await found(client)).toHaveLength(250);
  });

  test('ends with a page that is repeated', async () => {
    const server = await standIn(() => ({ body: paths.slice(0, 100) }));
    const options = {
      gitlabUrl: `${server.url}/`,
      accessToken: 'secret',
      discovery: 'gitlab',
      groups: ['group'],
    } as const;
    expect(await found(connect(server.url, options))).toHaveLength(100);
  });
});
