import { writeFileSync } from 'node:fs';
import { createDescribedServer, type Situation } from './described-server.ts';
import { digest } from './sample-graph.ts';
const D = encodeURIComponent(digest('base'));
type R = [name: string, operationId: string, path: string, o?: { method?: string; when?: Situation; headers?: Record<string, string>; body?: string }];
const BASIC = { Authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };
const sets: Record<string, R[]> = {
  tree: [
    ['registry', 'listRepositories', '/repositories'],
    ['page', 'listRepositories', '/repositories?order_by=reclaimable_bytes&per_page=1&embed=1&links=true'],
    ['before the first collection', 'listRepositories', '/repositories', { when: 'before' }],
    ['lines', 'listRepositories', '/repositories?per_page=2', { headers: { Accept: 'application/x-ndjson' } }],
    ['table', 'listRepositories', '/repositories', { headers: { Accept: 'text/csv' } }],
    ['repository', 'getRepository', '/repositories/group%2Fcharts?embed=true&links=true'],
    ['not readable', 'getRepository', '/repositories/secret'],
    ['choices', 'getRepository', '/repositories/team/tags'],
    ['found', 'listTags', '/repositories/group%2Fapp/tags?search=latest&embed=1'],
    ['image', 'getTag', '/repositories/group%2Fapp/tags/1.0?links=true'],
    ['broken', 'getTag', '/repositories/group%2Fapp/tags/2.0'],
    ['accessory', 'getTag', `/repositories/group%2Fapp/tags/sha256-${digest('app image').slice(7)}.sig`],
  ],
  contents: [
    ['largest', 'listAllTags', '/tags?order_by=disk_size&per_page=1&embed=1'],
    ['top', 'listNamespaces', '/namespaces?links=true'],
    ['namespace', 'getNamespace', '/namespaces/group?embed=1'],
    ['all', 'listTagBlobs', '/repositories/group%2Fcharts/tags/1.0/blobs?embed=1'],
    ['largest', 'listBlobs', '/blobs?per_page=1&embed=1&links=true'],
    ['base layer', 'getBlob', `/blobs/${D}?links=true`],
    ['gaps', 'listGaps', '/gaps'],
  ],
  front: [
    ['entry point', 'getEntryPoint', '/', { headers: { Authorization: '' } }],
    ['token', 'getAuthToken', '/auth_token', { headers: BASIC }],
    ['token', 'createAuthToken', '/auth_token', { method: 'POST', headers: BASIC }],
    ['waiting', 'getCollection', '/collection'],
    ['running', 'getCollection', '/collection', { when: 'collecting' }],
    ['failing', 'getCollection', '/collection', { when: 'failing' }],
    ['begun', 'startCollection', '/collection', { method: 'POST' }],
    ['alive', 'isLive', '/health/live', { headers: { Authorization: '' } }],
    ['ready', 'isReady', '/health/ready', { headers: { Authorization: '' } }],
  ],
  problems: [
    ['wrong password', 'getAuthToken', '/auth_token', { headers: { Authorization: `Basic ${Buffer.from('alice:wrong').toString('base64')}` } }],
    ['too many requests', 'getAuthToken', '/auth_token', { when: 'busy', headers: BASIC }],
    ['no token', 'listRepositories', '/repositories', { headers: { Authorization: '' } }],
    ['old token', 'listRepositories', '/repositories', { headers: { Authorization: 'Bearer old' } }],
    ['wrong parameter', 'listRepositories', '/repositories?per_page=5000'],
    ['former snapshot', 'listRepositories', '/repositories?snapshot=former'],
    ['no such repository', 'getRepository', '/repositories/none%2Fsuch'],
    ['before the first collection', 'getRepository', '/repositories/group%2Fapp', { when: 'before' }],
    ['running', 'startCollection', '/collection', { method: 'POST', when: 'collecting' }],
    ['too soon', 'startCollection', '/collection', { method: 'POST', when: 'resting' }],
    ['not ready', 'isReady', '/health/ready', { when: 'failing', headers: { Authorization: '' } }],
    ['wrong type', 'notify', '/events', { method: 'POST', headers: { Authorization: 'Bearer the secret of the events', 'Content-Type': 'text/plain' }, body: '{}' }],
    ['no envelope', 'notify', '/events', { method: 'POST', headers: { Authorization: 'Bearer the secret of the events', 'Content-Type': 'application/json' }, body: '{}' }],
  ],
};
for (const [set, list] of Object.entries(sets)) {
  let out = '';
  for (const [name, operationId, path, { method = 'GET', when = 'collected', headers = {}, body } = {}] of list) {
    const server = createDescribedServer(when, { prefix: '' });
    const all = { authorization: 'Bearer good', 'x-request-id': 'example', ...Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v])) };
    const send = () => server.inject({ method: method as 'GET', url: path, headers: all, ...(body !== undefined && { payload: body }) });
    if (when === 'busy') await send();
    const a = await send();
    await server.close();
    const mediaType = String(a.headers['content-type']).split(';')[0] as string;
    let value: unknown = mediaType.endsWith('json') && !mediaType.endsWith('ndjson') ? a.json() : a.body;
    value = JSON.parse(JSON.stringify(value).replaceAll(/"(href|path)":"\//g, '"$1":"{prefix}/').replaceAll('resource \\"/', 'resource \\"{prefix}/').replaceAll('; /auth_token', '; {prefix}/auth_token'));
    const { Authorization, ...shown } = headers;
    const withAuth = Authorization === undefined ? shown : { ...(Authorization !== '' && {Authorization}), ...shown };
    const isOpen = Authorization === '' ;
    const ex = { name, operationId, status: a.statusCode, mediaType, method, path, ...(Object.keys(withAuth).length > 0 && { headers: withAuth }), ...(isOpen && { token: false }), ...(body !== undefined && { body }), ...(when !== 'collected' && { when }), value };
    out += `${JSON.stringify(ex)},\n`;
  }
  const title = { tree: 'the tree', contents: 'tags, namespaces, blobs and gaps', front: 'what is answered without the registry', problems: 'what goes wrong' }[set];
  writeFileSync(`src/api/examples-${set}.ts`, `import type { Example } from './examples.ts';\n\n/** Of ${title}. */\nexport const ${set.toUpperCase()}_EXAMPLES: readonly Example[] = [\n${out}];\n`);
}
