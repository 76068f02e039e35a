import { X509Certificate } from 'node:crypto';
import { Server as TlsServer } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { formatRfc3339 } from '../lib/rfc3339.ts';

/** Texts in PEM. The key belongs to the first certificate, and is a secret. */
export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
}

/** The certificate cannot be used. The message contains nothing of the key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly kind = 'certificate';
}

/**
 * Returns the TLS options for a certificate. Throws a `CertificateError` if the certificate has expired, is too weak, or does not match its key.
 *
 * @param now milliseconds since the epoch
 */
export function secureContextOptions({ certificate, key }: TlsOptions, now: number): SecureContextOptions {
  const validTo = Date.parse(new X509Certificate(certificate).validTo);
  if (validTo < now) throw new CertificateError(`the certificate has expired on ${formatRfc3339(validTo)}`);
  const options: SecureContextOptions = { cert: certificate, key, minVersion: 'TLSv1.2' };
  try {
    createSecureContext(options);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new CertificateError(`the certificate cannot be used with its key (${code})`, { cause });
  }
  return options;
}

/**
 * Uses another certificate for new connections; open connections stay. Throws a `CertificateError`, and changes nothing, if it cannot be used.
 */
export function renewCertificate({ server }: FastifyInstance, tls: TlsOptions, now: number): void {
  const options = secureContextOptions(tls, now);
  if (server instanceof TlsServer) server.setSecureContext(options);
}
