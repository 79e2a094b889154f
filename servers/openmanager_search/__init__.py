"""The search server: finds pages through several engines, and reads them."""
