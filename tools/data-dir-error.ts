import { resolve } from 'node:path';

/** What the system says of a folder that cannot be written, and what it means. */
const REASONS: Record<string, string> = {
  EACCES: 'it may not be written by this user',
  EPERM: 'it may not be written by this user',
  EROFS: 'it is on a disk that is mounted read-only',
  ENOSPC: 'there is no space left on its disk',
  EDQUOT: 'there is no space left for this user on its disk',
  ENOTDIR: 'it is, or lies in, a file and no folder',
  EEXIST: 'it is a file and no folder',
  ENOENT: 'it cannot be made there',
  EIO: 'its disk fails',
};
/** Of these the system does not always say of which file. */
const OF_THE_DISK = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'];
/** The same in what the embedded servers say: in their logs, and PostgreSQL in its answers. */
const SAID: readonly [RegExp, string][] = [
  [/no space left on device/i, 'ENOSPC'],
  [/disk quota exceeded/i, 'EDQUOT'],
  [/read-only file system/i, 'EROFS'],
  [/permission denied/i, 'EACCES'],
];
const SERVERS = /^(The embedded PostgreSQL|The PostgreSQL cluster|nats-server \()/;
const DISK_FULL = '53100';

/**
 * Says in one line that a data folder cannot be used, why, and what to do.
 * @returns undefined for an error that is not about that
 */
export function unwritable(folder: string, error: Error, embedsPostgres = true): string | undefined {
  const { code = '', path, message } = error as NodeJS.ErrnoException;
  const isOfFolder = path === undefined ? OF_THE_DISK.includes(code) : resolve(path).startsWith(resolve(folder));
  const isSaid = SERVERS.test(message) || (code === DISK_FULL && embedsPostgres);
  const what = REASONS[code] && isOfFolder ? code : SAID.find(([said]) => isSaid && said.test(message))?.[1];
  if (!what) return undefined;
  return `DATA_DIR: ${folder} cannot be used: ${REASONS[what]}. Mend that, or set DATA_DIR to another folder.`;
}
