import { exampleBase } from '../identity/user-facts.js';

export const exampleToken = { ...exampleBase, tokenId: '01997c9e-2222-7222-8222-222222222222' };
