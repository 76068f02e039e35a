import type { FailedRequest } from '../../domain/snapshot/snapshot.ts';

/** Represents the request behind a gap or a failed crawl as flat fields; each is null if it is unknown. */
export function representFailedRequest(request: FailedRequest | undefined) {
  return {
    request_method: request?.method ?? null,
    request_path: request?.path ?? null,
    response_status: request?.status ?? null,
    registry_code: request?.registryCode ?? null,
    registry_message: request?.registryMessage ?? null,
  };
}
