import { X509Certificate } from 'node:crypto';
import { Server as TlsServer } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';

/** PEM texts: the key is that of the first certificate, and a secret. */
export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate that cannot be shown to anybody. Holds nothing of the key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly kind = 'certificate';
}

/**
 * What Node wants to hear of a certificate. Throws a `CertificateError` where it has expired, or is too weak.
 *
 * @param now milliseconds since the epoch
 */
export function secureContextOptions({ certificate, key }: TlsOptions, now: number): SecureContextOptions {
  const validTo = Date.parse(new X509Certificate(certificate).validTo);
  if (validTo < now) throw new CertificateError(`it has expired, on ${new Date(validTo).toISOString()}`);
  const options: SecureContextOptions = { cert: certificate, key, minVersion: 'TLSv1.2' };
  try {
    createSecureContext(options);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new CertificateError(`it cannot be used with its key (${code})`, { cause });
  }
  return options;
}

/**
 * Shows another certificate to connections that are made from now on; those that are there stay. Throws a `CertificateError` and changes
 * nothing where it cannot be shown.
 */
export function renewCertificate({ server }: FastifyInstance, tls: TlsOptions, now: number): void {
  const options = secureContextOptions(tls, now);
  if (server instanceof TlsServer) server.setSecureContext(options);
}
