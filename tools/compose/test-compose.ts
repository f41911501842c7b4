export async function testCompose(..._: unknown[]): Promise<void> {}
