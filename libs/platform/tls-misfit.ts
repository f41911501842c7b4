/** Node's codes of certificates and handshakes that were refused, on one side or the other. */
const CODES =
  /^(ERR_SSL_|ERR_TLS_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|CERT_|CRL_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;
/** What the clients of PostgreSQL and NATS say of a server that has no TLS, where it is asked for. */
const NO_TLS = /does not support (SSL|'tls')/i;

/** Whether an error tells of settings that do not fit each other, and not of a server that is away: to wait would not help. */
export function isTlsMisfit(error: unknown): error is Error {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message, cause } = error as NodeJS.ErrnoException;
  return CODES.test(code ?? '') || NO_TLS.test(message ?? '') || isTlsMisfit(cause);
}
