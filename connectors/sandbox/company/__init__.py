"""A B2B SaaS company made of seeded random numbers: two years of history, a known future, planted stories."""
