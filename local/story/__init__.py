"""The story of `make run`: credit that ends, sixty-four tabs at once, books that agree."""
