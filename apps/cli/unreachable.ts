import { EXIT, type Failure, localFailure } from './failure.js';

/** What OpenSSL says of a certificate that it does not accept, in Node's codes. */
const CERTIFICATE = /^(CERT_|ERR_TLS_CERT_|UNABLE_TO_|(DEPTH_ZERO_)?SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_|CRL_)/;
const OWN_AUTHORITY = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/;
/** What is answered where one side speaks TLS and the other one does not. */
const NOT_TLS = /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/;

/**
 * What to say when a service gave no answer.
 * @param origin what set the address
 */
export function unreachable(address: string, origin: string, timeoutMs: number, error: NodeJS.ErrnoException): Failure {
  const { name, message, code = '' } = error;
  if (CERTIFICATE.test(code)) {
    const mend = OWN_AUTHORITY.test(code)
      ? ' If an authority of your own made it, NODE_EXTRA_CA_CERTS names the file with its certificate.'
      : '';
    const detail = `The certificate of ${address} is not accepted: ${message} (${code}).`;
    return localFailure(EXIT.unavailable, 'certificate-refused', `${detail} Nothing was sent. ${origin}${mend}`);
  }
  if (NOT_TLS.test(code)) {
    const detail = `${address} does not answer with TLS (${code}): is it an http:// address? ${origin}`;
    return localFailure(EXIT.unavailable, 'unreachable', detail);
  }
  const why = name === 'TimeoutError' ? `no answer in ${timeoutMs / 1000} s` : code || message;
  const detail = `${address} cannot be reached (${why}). Is Tokenlog running there? ${origin}`;
  return localFailure(EXIT.unavailable, 'unreachable', detail);
}
