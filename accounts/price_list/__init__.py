"""The page with every price: /pricing/."""
