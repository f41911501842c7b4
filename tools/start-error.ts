/** A start that stops for a reason which the reader can do something about. */
export class StartError extends Error {
  override name = 'StartError';
}
