export { type TestAs, TestAuth } from './test-auth.js';
