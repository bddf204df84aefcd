"""Computed traits: counts, sums, firsts and favourites of a person's events, over windows that decay as time passes.

`definition` reads them from `profile.yaml` and finds what of an event takes part; `state` adds up, whatever the order;
`store` keeps the sums per owner and bucket of time, and fills new traits over history.
"""
