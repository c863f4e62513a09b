System.Console.WriteLine("iommu-verify");
