import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** A JSON schema. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required?: boolean;
  readonly example?: string;
  readonly schema: Schema;
}

export interface DescribedAnswer {
  readonly headers: Readonly<Record<string, { readonly required?: boolean; readonly schema: Schema }>>;
  readonly content?: Readonly<Record<string, DescribedContent>>;
}

export interface DescribedContent {
  readonly schema: Schema;
  readonly 'x-line'?: Schema;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** An operation of an OpenAPI document, with all references resolved except those to schemas. */
export interface Described {
  readonly path: string;
  /** The path with encoded names that exist in the registry. */
  readonly url: string;
  readonly method: string;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly responses: Readonly<Record<string, DescribedAnswer>>;
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
}

export function documented(document: unknown): readonly Described[] {
  const { paths, security } = document as {
    paths: Record<string, Record<string, Omit<Described, 'security'> & Partial<Described>>>;
    security: Described['security'];
  };
  const look = <T>(value: T): T => lookUp(document, value);
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const parameters = operation.parameters.map(look);
      const responses = Object.entries(operation.responses).map(([status, one]) => {
        const answer = look(one);
        const headers = Object.entries(answer.headers ?? {}).map(([name, header]) => [name, look(header)] as const);
        return [status, { ...answer, headers: Object.fromEntries(headers) }] as const;
      });
      return {
        ...operation,
        ...{ path, method: method.toUpperCase(), parameters, url: filled(path, parameters) },
        security: operation.security ?? security,
        responses: Object.fromEntries(responses),
      };
    }),
  );
}

/** Returns a function that lists the differences between a value and a schema of the document. */
export function validatorOf(document: unknown): (schema: Schema, value: unknown) => readonly string[] {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
  addFormats.default(ajv);
  // The validator needs only the schemas of the document.
  const { components } = document as { components: { schemas: Schema } };
  ajv.addVocabulary(['components']);
  ajv.addSchema({ $id: 'https://document.example/', components: { schemas: components.schemas } });
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
  return (schema, value) => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"https://document.example/#/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

export function filled(path: string, parameters: readonly Parameter[]): string {
  const value = (name: string): string => String(parameters.find((one) => one.name === name)?.example);
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(value(name)));
}

function lookUp<T>(document: unknown, value: T): T {
  const { $ref } = value as { readonly $ref?: string };
  if ($ref === undefined) return value;
  const steps = $ref.replace('#/', '').split('/');
  return steps.reduce((at, step) => (at as Record<string, unknown>)[step], document) as T;
}
