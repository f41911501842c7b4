/**
 * A name as it is compared: upper and lower case are the same (Unicode's full case folding), and so is what looks the same in
 * whichever way it is composed (NFC). The same as `foldedSql` of the event store says of what stands in the database; independent of
 * any locale.
 */
export function foldedName(name: string): string {
  return (
    name
      .normalize('NFD')
      // By upper case, which is what two letters have in common that fold to one; ı is none of i's.
      .replaceAll(/[^ı]+/gu, (part) => part.toUpperCase().toLowerCase())
      .replaceAll('ß', 'ss')
      .replaceAll('ς', 'σ')
      .normalize('NFC')
  );
}
