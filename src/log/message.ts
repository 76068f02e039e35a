import type { RegistryFailure } from '../ports.ts';

/** Returns the message of an error, or the text of anything else that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the fields of a failure: its message and, if a request failed, the request and the words of the server that refused it. */
export function failureFields(error: unknown): object {
  const { url, request } = error as Partial<RegistryFailure>;
  const reason = messageOf(error);
  if (url === undefined || request === undefined) return { reason };
  const { method, status, registryCode, registryMessage } = request;
  return { reason, request: { method, url, status, registryCode, registryMessage } };
}
