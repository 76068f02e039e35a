/** A small OpenAPI document with paths of this API and one operation of each kind, for tests of the documentation page. */
export const SAMPLE_OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'A sample', version: '1.2.3', description: 'What uses the *disk* of a registry.' },
  servers: [{ url: '.' }],
  security: [{ token: [] }],
  tags: [{ name: 'Usage', description: 'What is how big.' }],
  paths: {
    '/auth_token': {
      get: {
        tags: ['Sign in'],
        summary: 'A token for name and password',
        security: [{ password: [] }],
        responses: {
          '200': { description: 'The token', content: { 'application/json': { schema: { type: 'object' } } } },
        },
      },
    },
    '/repositories': {
      get: {
        tags: ['Usage'],
        operationId: 'listRepositories',
        summary: 'All repositories',
        description: 'With `embed` all of them, and with `links` the way to each.',
        parameters: [
          {
            name: 'embed',
            in: 'query',
            description: 'How many levels.',
            schema: { type: 'string', examples: ['1', 'true'] },
          },
          { name: 'sort', in: 'query', schema: { type: 'string', enum: ['asc', 'desc'] } },
        ],
        responses: {
          '200': {
            description: 'The registry',
            content: { 'application/hal+json': { schema: { $ref: '#/components/schemas/Registry' } } },
          },
          '401': { description: 'No token, or none that is valid' },
        },
      },
    },
    '/collection': {
      post: { tags: ['Usage'], summary: 'Collect now', responses: { '202': { description: 'It has begun' } } },
    },
  },
  components: {
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', description: 'What `/auth_token` gives.' },
      password: { type: 'http', scheme: 'basic' },
    },
    schemas: {
      Registry: {
        type: 'object',
        properties: {
          timestamp: { type: ['number', 'null'], description: 'Seconds; `null` before the first collection.' },
          disk_size: { type: ['integer', 'null'], minimum: 0 },
        },
        required: ['timestamp'],
      },
    },
  },
};
